"""Made-up subscribers, realistic in their proportions; the same seed always gives the same people."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

REGIONS = {
    "Москва": 17, "Центр": 21, "Северо-Запад": 13, "Юг": 12, "Волга": 17, "Урал": 9, "Сибирь": 8, "Дальний Восток": 3,
}  # fmt: skip
TARIFFS = {1: 3, 2: 38, 3: 6, 4: 9, 5: 4, 6: 24, 7: 5, 8: 11}  # id in table tariffs → share in percent
TODAY = date(2026, 1, 1)  # fixed: data must not depend on the day it is made

_FAMILY = [
    "Смирнов", "Иванов", "Кузнецов", "Соколов", "Попов", "Лебедев", "Козлов", "Новиков", "Морозов", "Петров",
    "Волков", "Соловьёв", "Васильев", "Зайцев", "Павлов", "Семёнов", "Голубев", "Виноградов", "Богданов",
    "Воробьёв", "Фёдоров", "Михайлов", "Беляев", "Тарасов", "Белов", "Комаров", "Орлов", "Киселёв", "Макаров",
    "Андреев", "Ковалёв", "Ильин", "Гусев", "Титов", "Кузьмин", "Кудрявцев", "Баранов", "Куликов", "Алексеев",
    "Степанов", "Яковлев", "Сорокин", "Сергеев", "Романов", "Захаров", "Борисов", "Королёв", "Герасимов",
    "Пономарёв", "Григорьев", "Гареев", "Хабибуллин", "Сафин", "Цыренов",
]  # fmt: skip
_MEN = [
    "Александр", "Дмитрий", "Максим", "Сергей", "Андрей", "Алексей", "Артём", "Илья", "Кирилл", "Михаил", "Никита",
    "Роман", "Егор", "Иван", "Владимир", "Павел", "Константин", "Тимур", "Олег", "Юрий", "Николай", "Виктор",
    "Василий", "Ринат", "Григорий",
]  # fmt: skip
_WOMEN = [
    "Анна", "Мария", "Елена", "Дарья", "Алина", "Ирина", "Екатерина", "Наталья", "Ольга", "Татьяна", "Светлана",
    "Юлия", "Полина", "Виктория", "Ксения", "Галина", "Людмила", "Валентина", "Нина", "Надежда", "Гульнара", "Вера",
    "Марина", "Оксана", "Евгения",
]  # fmt: skip
_FATHERS = [
    "Александров", "Дмитриев", "Максимов", "Сергеев", "Андреев", "Алексеев", "Иванов", "Михайлов", "Николаев",
    "Владимиров", "Павлов", "Викторов", "Олегов", "Юрьев", "Васильев", "Петров", "Константинов", "Романов",
    "Евгеньев", "Анатольев",
]  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One subscriber."""

    id: int
    msisdn: str
    family_name: str
    given_name: str
    patronymic: str
    region: str
    tariff_id: int
    birth_year: int
    connected_on: date
    consents: tuple[bool, bool, bool]  # SMS, e-mail, calls

    @property
    def name(self) -> str:
        return f"{self.family_name} {self.given_name} {self.patronymic}"


def people(count: int, seed: int) -> Iterator[Person]:
    """`count` subscribers, ids from 1, telephone numbers all different."""
    chance = random.Random(seed)  # noqa: S311 made-up people, not keys
    numbers = chance.sample(range(10**9), count)
    regions = chance.choices(list(REGIONS), list(REGIONS.values()), k=count)
    tariffs = chance.choices(list(TARIFFS), list(TARIFFS.values()), k=count)
    for index, (number, region, tariff) in enumerate(zip(numbers, regions, tariffs, strict=True)):
        yield Person(
            index + 1, f"+79{number:09d}", *_full_name(chance), region, tariff, _birth_year(chance),
            TODAY - timedelta(days=int(chance.triangular(1, 5000, 700))),
            (chance.random() < 0.86, chance.random() < 0.41, chance.random() < 0.35),
        )  # fmt: skip


def _full_name(chance: random.Random) -> tuple[str, str, str]:
    family, father = chance.choice(_FAMILY), chance.choice(_FATHERS)
    if chance.random() < 0.46:
        return family, chance.choice(_MEN), father + "ич"
    # Only -ов, -ев, -ёв, -ин and -ын families are in the list: all take -а.
    return family + "а", chance.choice(_WOMEN), father + "на"


def _birth_year(chance: random.Random) -> int:
    return TODAY.year - min(95, max(18, round(chance.gauss(47, 15))))
