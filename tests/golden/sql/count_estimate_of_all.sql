-- GET /v1/orgs?count=estimate
-- as anyone
-- no parameters
SELECT p.j, c.n
FROM (
  SELECT (
    SELECT CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint ELSE (
      SELECT count(*)
      FROM "org" t2
    ) END
    FROM pg_catalog.pg_class c WHERE c.oid = '"org"'::regclass
  ) AS n
) c
LEFT JOIN (
  SELECT p.*, row_number() OVER () AS i
  FROM (
    SELECT row_to_json(r1) AS j
    FROM "org" t1
    CROSS JOIN LATERAL (
      SELECT t1."slug" AS "slug",
        t1."name" AS "name"
    ) r1
    ORDER BY t1."slug"
    LIMIT 21
  ) p
) p ON TRUE
ORDER BY p.i
