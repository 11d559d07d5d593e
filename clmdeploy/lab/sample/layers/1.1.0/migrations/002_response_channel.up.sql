-- oldest_compatible_app: 1.0.0
-- A constant default is kept in the catalogue: the table is not rewritten, and 1.0.0 goes on inserting without it.
ALTER TABLE responses ADD COLUMN IF NOT EXISTS channel text NOT NULL DEFAULT 'sms';
-- transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS responses_campaign_channel ON responses (campaign_id, channel);
