-- One JSON object a line for every table, sequence and large object of a database, whatever order rows are stored in.
\set ON_ERROR_STOP on
SET bytea_output = hex; SET TimeZone = UTC; SET DateStyle = ISO; SET IntervalStyle = postgres; SET extra_float_digits = 3;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
-- Two hashes of 64 bits with different seeds, summed: a row that is lost, doubled or changed changes both.
SELECT format(
  'SELECT json_build_object(''kind'', ''table'', ''name'', %L, ''rows'', count(*), ''content'', '
  || 'coalesce(sum(hashtextextended(t::text, 0)), 0) || ''/'' || coalesce(sum(hashtextextended(t::text, 1)), 0)) FROM %s t',
  format('%I.%I', nspname, relname), format('%I.%I', nspname, relname))
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'm') AND relpersistence = 'p' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname, relname \gexec
SELECT format(
  'SELECT json_build_object(''kind'', ''sequence'', ''name'', %L, ''last'', last_value, ''called'', is_called, '
  || '''step'', %s) FROM %s', format('%I.%I', schemaname, sequencename), increment_by,
  format('%I.%I', schemaname, sequencename))
FROM pg_sequences ORDER BY 1 \gexec
SELECT json_build_object('kind', 'large object', 'name', m.oid, 'content',
  (SELECT md5(string_agg(encode(data, 'hex'), ',' ORDER BY pageno)) FROM pg_largeobject l WHERE l.loid = m.oid))
FROM pg_largeobject_metadata m ORDER BY m.oid;
COMMIT;
