"""Made-up segments, campaigns, deliveries and responses around the people of `clm.people`."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clm.people import TODAY, Person

START = datetime(TODAY.year - 1, 1, 15, 7, tzinfo=UTC)
_KEPT = 6  # deliveries of older campaigns are kept as counts only

SEGMENTS: tuple[tuple[str, str, Callable[[Person], bool]], ...] = (
    ("young", "До 30 лет", lambda p: p.birth_year > TODAY.year - 30),
    ("senior", "Старше 60 лет", lambda p: p.birth_year < TODAY.year - 60),
    ("moscow", "МРФ Москва", lambda p: p.region == "Москва"),
    ("far-east", "МРФ Дальний Восток", lambda p: p.region == "Дальний Восток"),
    ("family", "Тариф «Семейный»", lambda p: p.tariff_id in (5, 6)),
    ("gamers", "Тариф «Игровой»", lambda p: p.tariff_id == 4),
    ("landline", "Только домашний телефон", lambda p: p.tariff_id == 8),
    ("newcomers", "Подключились за последний год", lambda p: (TODAY - p.connected_on).days <= 365),
)
_TITLES = (
    "Скорость до 1 Гбит/с", "Второй месяц в подарок", "Антивирус бесплатно", "Wink на 60 дней", "Переезд без доплаты",
    "Видеонаблюдение для дома", "Роутер в рассрочку", "Возвращайтесь к нам",
)  # fmt: skip
_ANSWERS = ("да", "нет", "перезвоните", "стоп", "подробнее")


@dataclass(frozen=True)
class Campaign:
    """`reached` are the ids of those that got it, in rising order; `scheduled_at` is in UTC."""

    id: int
    segment_id: int
    scheduled_at: datetime
    status: str
    reached: tuple[int, ...] = ()

    @property
    def row(self) -> tuple[object, ...]:
        title = _TITLES[self.id % len(_TITLES)]
        ended = self.scheduled_at + timedelta(hours=2) if self.status == "sent" else None
        place = max(self.reached, default=0)
        message = f"{title}! Подробности: 8 800 100 08 00. Отказ: ответьте СТОП"
        code = f"{self.scheduled_at:%Y%m}-{self.id:03d}"
        planned = (self.id, code, title, message, self.segment_id, self.status, self.scheduled_at)
        return (*planned, place, len(self.reached), ended)


def members(everyone: Sequence[Person]) -> Iterator[tuple[int, Person]]:
    """(segment id, person) in order of segment and person."""
    for number, (_, _, belongs) in enumerate(SEGMENTS, start=1):
        yield from ((number, person) for person in everyone if belongs(person))


def campaigns(membership: Sequence[tuple[int, Person]], count: int = 24) -> list[Campaign]:
    """Campaigns of a year: sent ones, two that are due when the worker starts, and some far ahead."""
    reachable: dict[int, list[int]] = {}
    for segment, person in membership:
        if person.consents[0]:
            reachable.setdefault(segment, []).append(person.id)
    planned = []
    for number in range(1, count + 1):
        segment = number % len(SEGMENTS) + 1
        moment = START + timedelta(days=13 * number)
        if number <= count - 6:
            planned.append(Campaign(number, segment, moment, "sent", tuple(reachable.get(segment, ()))))
        else:
            ahead = timedelta(days=0 if number <= count - 4 else 36500)
            planned.append(Campaign(number, segment, moment + ahead, "scheduled"))
    return planned


def deliveries(planned: Sequence[Campaign]) -> Iterator[tuple[int, int, datetime]]:
    """(campaign, subscriber, moment) of the newest sent campaigns."""
    sent = [campaign for campaign in planned if campaign.status == "sent"]
    for campaign in sent[-_KEPT:]:
        for order, subscriber in enumerate(campaign.reached):
            yield campaign.id, subscriber, campaign.scheduled_at + timedelta(seconds=order // 20)


def responses(planned: Sequence[Campaign], seed: int) -> Iterator[tuple[UUID, int, int, str, datetime]]:
    """Every fortieth or so of those reached has answered."""
    chance = random.Random(seed ^ 0x5EED)  # noqa: S311 made-up answers
    for campaign in planned:
        for subscriber in campaign.reached:
            if chance.random() < 0.025:
                moment = campaign.scheduled_at + timedelta(minutes=int(chance.expovariate(1 / 300)) + 1)
                identifier = UUID(int=chance.getrandbits(128), version=4)
                yield identifier, subscriber, campaign.id, chance.choice(_ANSWERS), moment
