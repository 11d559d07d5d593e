-- A CREATE INDEX CONCURRENTLY that failed leaves an invalid index behind.
DROP INDEX CONCURRENTLY IF EXISTS tariffs_name_key;
-- transaction
ALTER TABLE tariffs DROP COLUMN IF EXISTS billing_code;
