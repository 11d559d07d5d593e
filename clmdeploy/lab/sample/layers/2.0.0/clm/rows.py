"""How a person lies in table subscribers, on the schema of this release."""

from clm.people import Person

SUBSCRIBER_COLUMNS = (
    "id, msisdn, family_name, given_name, patronymic, region, tariff_id, birth_year, connected_on, "
    "consent_sms, consent_email, consent_calls"
)


def subscriber_row(person: Person) -> tuple[object, ...]:
    """Values for SUBSCRIBER_COLUMNS."""
    return (
        person.id, person.msisdn, person.family_name, person.given_name, person.patronymic, person.region,
        person.tariff_id, person.birth_year, person.connected_on, *person.consents,
    )  # fmt: skip
