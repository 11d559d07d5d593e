DROP INDEX CONCURRENTLY IF EXISTS responses_campaign_channel;
-- transaction
ALTER TABLE responses DROP COLUMN IF EXISTS channel;
