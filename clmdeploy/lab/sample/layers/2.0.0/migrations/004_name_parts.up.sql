-- oldest_compatible_app: 1.0.0
-- The columns come in a transaction of their own: the lock that they need must not last as long as filling them.
ALTER TABLE subscribers
    ADD COLUMN family_name text,
    ADD COLUMN given_name text,
    ADD COLUMN patronymic text;

-- While 1.x and 2.x write side by side, whichever form is written fills the other one.
CREATE FUNCTION subscribers_name_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.family_name IS NULL OR (TG_OP = 'UPDATE' AND NEW.name IS DISTINCT FROM OLD.name) THEN
        NEW.family_name := split_part(NEW.name, ' ', 1);
        NEW.given_name := split_part(NEW.name, ' ', 2);
        NEW.patronymic := coalesce(substring(NEW.name FROM '^\S+ \S+ (.+)$'), '');  -- all the rest: «Мамед оглы»
    ELSE
        NEW.name := concat_ws(' ', NEW.family_name, NEW.given_name, NEW.patronymic);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER subscribers_name_parts BEFORE INSERT OR UPDATE ON subscribers
    FOR EACH ROW EXECUTE FUNCTION subscribers_name_parts();
-- transaction
UPDATE subscribers SET
    family_name = split_part(name, ' ', 1),
    given_name = split_part(name, ' ', 2),
    patronymic = coalesce(substring(name FROM '^\S+ \S+ (.+)$'), '')
WHERE family_name IS NULL;
