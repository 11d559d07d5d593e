-- oldest_compatible_app: 2.0.0
DROP TRIGGER subscribers_name_parts ON subscribers;
DROP FUNCTION subscribers_name_parts();
ALTER TABLE subscribers
    DROP COLUMN name,
    ALTER COLUMN family_name SET NOT NULL,
    ALTER COLUMN given_name SET NOT NULL,
    ALTER COLUMN patronymic SET NOT NULL;
