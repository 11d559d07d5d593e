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
    # Questions that any command asks.
    "question.missing": "не хватает, а терминала для вопросов нет: {flags}",
    "question.missing_hint": "укажите эти флаги или запустите на терминале",
    # init
    "init.application": "Имя приложения (его релизов)",
    "init.host": "Узел в виде [ГРУППА:]ИМЯ=АДРЕС[:ПОРТ]; пусто — все указаны",
    "init.ssh_user": "Учётная запись для входа на узлы",
    "init.endpoint": "Адрес хранилища S3, например https://s3.example.com:8334",
    "init.state_bucket": "Бакет журнала и блокировок",
    "init.release_bucket": "Бакет релизов",
    "init.principal": "Кто подписывает, например ivanova@example.com",
    "init.signing_key": "Ключ подписи: путь к закрытому ключу; `new` — создать",
    "init.balancer_backend": "Бэкенд haproxy для группы в виде ГРУППА=БЭКЕНД; пусто — все указаны",
    "init.scanning": "Запрашиваю ключи узлов: {count} ...",
    "init.silent": "ключи не получены от узлов: {hosts}",
    "init.silent_hint": "проверьте адреса и работу sshd или укажите --host-keys ФАЙЛ",
    "init.shown": "{host} ({address}) предъявляет",
    "init.trust": "Сверьте с `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` на каждом узле. Закрепить эти ключи?",
    "init.untrusted": "ключи узлов не подтверждены, ничего не записано",
    "init.untrusted_hint": "укажите --host-keys ФАЙЛ или --trust-scanned-key с каждым отпечатком (или all)",
    "init.done": "Среда {directory} создана. Дальше:",
    # config
    "config.good": "{directory}: ошибок не найдено.",
    "config.group": "  {group}: {hosts}",
    "config.note": "примечание: {message}",
}
