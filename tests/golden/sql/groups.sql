-- GET /v1/projects?group=status&aggregate=count,avg:score,max:due,sum:budget
-- as boss, member
-- no parameters
SELECT row_to_json(r)
FROM (
  SELECT g.k0, count(*) AS a0, ((CASE WHEN bool_and(abs(g.v1) <= 1e290::double precision) THEN sum(CASE WHEN abs(g.v1) <= 1e290::double precision THEN g.v1 END) END) / NULLIF(count(g.v1), 0)) AS a1, max(g.v2) AS a2, sum(g.v3) AS a3
  FROM (
    SELECT t1."status" AS k0, t1."score" AS v1, t1."due" AS v2, t1."budget" AS v3
    FROM "project" t1
    WHERE t1."deleted_at" IS NULL
  ) g
  GROUP BY g.k0
) b
CROSS JOIN LATERAL (
  SELECT b.k0 AS "status",
    b.a0 AS "count",
    b.a1 AS "avg_score",
    b.a2 AS "max_due",
    b.a3::text AS "sum_budget"
) r
ORDER BY b.k0
LIMIT 21
