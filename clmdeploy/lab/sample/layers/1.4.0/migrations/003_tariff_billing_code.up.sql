-- oldest_compatible_app: 1.0.0
ALTER TABLE tariffs ADD COLUMN IF NOT EXISTS billing_code text;
-- transaction
UPDATE tariffs SET billing_code = 'T' || lpad(id::text, 4, '0');
-- transaction
-- The mistake of this release: archived tariffs keep their names, so names repeat. The column above is committed by now.
CREATE UNIQUE INDEX CONCURRENTLY tariffs_name_key ON tariffs (name);
