"""The sentences in Russian. Keys are `NOUN.SENTENCE`; keep them in step with en.py."""

MESSAGES = {
    # How a failure is opened: one line for every exit code (`verdict.` + its name in lower case).
    "verdict.done": "Готово.",
    "verdict.unexpected": "Непредвиденный сбой.",
    "verdict.usage": "Ошибка в командной строке.",
    "verdict.invalid": "Отказ: недопустимые данные. Ничего не изменено.",
    "verdict.failed_unchanged": "Сбой. Ничего не изменено.",
    "verdict.failed_partly": "Сбой. Часть работы выполнена.",
    "verdict.lease_held": "В этой среде уже идут другие работы.",
    "verdict.frozen": "Сейчас нельзя: мораторий или время вне окна работ.",
    "verdict.approval_missing": "Нет согласования.",
    "verdict.unknown": "Исход неизвестен: выполните resume или abort.",
    "verdict.verification_failed": "Проверка не пройдена.",
    "verdict.paused": "Приостановлено в безопасной точке: узлы в балансировке, блокировка снята.",
    # What the face itself has to say.
    "failure.unexpected": "{kind}: {cause}",
    "failure.unexpected_hint": "повторите с --debug, чтобы увидеть место сбоя",
    "failure.interrupted": "Прервано.",
    "failure.hint": "→ {hint}",
    # Prompts.
    "prompt.confirm_environment": "Чтобы продолжить, введите имя среды ({environment})",
}
