-- One of everything that a backup could lose, and as many rows as :rows says. The same from the same :seed.
\set ON_ERROR_STOP on
BEGIN;
CREATE SCHEMA kit;
COMMENT ON SCHEMA kit IS 'data that a restore must bring back';
SET LOCAL search_path = kit;
CREATE TYPE channel AS ENUM ('sms', 'e-mail', 'звонок');
CREATE DOMAIN msisdn AS text CHECK (VALUE ~ '^7[0-9]{10}$');

CREATE TABLE segments (id integer PRIMARY KEY, title text NOT NULL UNIQUE, ratio numeric(30, 10), tags text[]);
INSERT INTO segments
  SELECT i, 'segment ' || i, 'NaN'::numeric, ARRAY['a', NULL, 'в кавычках "' || i || '"']
  FROM generate_series(1, 100) i;

CREATE TABLE subscribers (
  id bigserial PRIMARY KEY, number msisdn NOT NULL, segment integer REFERENCES segments, channel channel,
  profile jsonb, changed timestamptz, payload bytea,
  digits integer GENERATED ALWAYS AS (length(number)) STORED
);
-- Half of a payload compresses well, half not at all, as in daily life.
INSERT INTO subscribers (number, segment, channel, profile, changed, payload)
  SELECT '7' || lpad((i::bigint * 7919 % 10000000000)::text, 10, '0'), i % 100 + 1,
    (ARRAY['sms', 'e-mail', 'звонок']::channel[])[i % 3 + 1],
    jsonb_build_object('имя', 'абонент ' || i, 'score', i % 997, 'nothing', NULL),
    CASE i % 1000 WHEN 0 THEN 'infinity' WHEN 1 THEN NULL ELSE timestamptz '2020-01-01 UTC' + i * interval '1.000001 s' END,
    sha512(convert_to(:seed || ':' || i, 'UTF8')) || sha512(convert_to(:seed || '+' || i, 'UTF8')) ||
    sha512(convert_to(:seed || '-' || i, 'UTF8')) || sha512(convert_to(:seed || '*' || i, 'UTF8')) ||
    convert_to(repeat('campaign ', 28), 'UTF8')
  FROM generate_series(1, :rows) i;
CREATE INDEX ON subscribers (number);
CREATE INDEX ON subscribers USING gin (profile);

CREATE TABLE events (at date NOT NULL, subscriber bigint, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO events SELECT date '2025-07-01' + i % 365, i, 'event ' || i FROM generate_series(1, :rows / 10) i;

-- Long values live in a table of their own (TOAST).
CREATE TABLE documents (id integer PRIMARY KEY, body text STORAGE EXTERNAL);
INSERT INTO documents
  SELECT i, string_agg(md5(:seed || '/' || i || '/' || j), '') FROM generate_series(1, 20) i, generate_series(1, 3000) j
  GROUP BY i;

CREATE TABLE "Имя с пробелом и ""кавычкой""" ("a b" text, "x" double precision);
INSERT INTO "Имя с пробелом и ""кавычкой""" VALUES (E'new\nline', 'Infinity'), (NULL, 1e-300), ('', -0.0), (E'\u00e9', 0.1);

CREATE TABLE nothing (id integer);
CREATE UNLOGGED TABLE scratch (id integer);
INSERT INTO scratch SELECT generate_series(1, 1000);
CREATE TABLE moments (id integer PRIMARY KEY, words text NOT NULL);

CREATE SEQUENCE tickets INCREMENT 10 START 1000;
SELECT nextval('tickets') FROM generate_series(1, 7);
CREATE SEQUENCE untouched;

CREATE TABLE pictures (id integer PRIMARY KEY, picture oid NOT NULL);
INSERT INTO pictures
  SELECT i, lo_from_bytea(0, decode(repeat(md5(:seed || '#' || i), 4000), 'hex')) FROM generate_series(1, 12) i;

CREATE VIEW active AS SELECT id, number FROM subscribers WHERE segment < 50;
CREATE MATERIALIZED VIEW counts AS SELECT segment, count(*) FROM subscribers GROUP BY segment;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noted BEFORE UPDATE ON segments FOR EACH ROW EXECUTE FUNCTION note();
COMMIT;
