DROP TRIGGER IF EXISTS subscribers_name_parts ON subscribers;
DROP FUNCTION IF EXISTS subscribers_name_parts();
ALTER TABLE subscribers
    DROP COLUMN IF EXISTS family_name,
    DROP COLUMN IF EXISTS given_name,
    DROP COLUMN IF EXISTS patronymic;
