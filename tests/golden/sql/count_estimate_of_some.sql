-- GET /v1/projects?count=estimate&fields=id
-- as anyone
-- no parameters
SELECT p.j, c.n
FROM (
  SELECT (
    SELECT count(*) FROM (
      SELECT
      FROM "project" t2
      WHERE NOT t2."secret"
        AND t2."deleted_at" IS NULL
      LIMIT 10001
    ) b
  ) AS n
) c
LEFT JOIN (
  SELECT p.*, row_number() OVER () AS i
  FROM (
    SELECT row_to_json(r1) AS j
    FROM "project" t1
    CROSS JOIN LATERAL (SELECT t1."id" AS "id") r1
    WHERE NOT t1."secret"
      AND t1."deleted_at" IS NULL
    ORDER BY t1."id"
    LIMIT 21
  ) p
) p ON TRUE
ORDER BY p.i
