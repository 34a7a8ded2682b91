-- GET /v1/projects?group=team.name&aggregate=count_distinct:owner&limit=5
-- as boss, member
-- $1 is slot 0 (limit)
SELECT row_to_json(r)
FROM (
  SELECT g.k0, count(DISTINCT g.v0) AS a0
  FROM (
    SELECT (SELECT t2."name" FROM "team" t2 WHERE t2."code" = t1."team") AS k0, t1."owner" AS v0
    FROM "project" t1
    WHERE t1."deleted_at" IS NULL
  ) g
  GROUP BY g.k0
) b
CROSS JOIN LATERAL (
  SELECT b.k0 AS "team_name",
    b.a0 AS "count_distinct_owner"
) r
ORDER BY b.k0
LIMIT $1::bigint + 1
