-- GET /v1/people?group=last&aggregate=count,avg:salary&having=count[gt]=1&sort=-avg:salary
-- as boss, member
-- $1 is slot 2 (me.org), $2 is slot 0 (having count)
SELECT row_to_json(r)
FROM (
  SELECT g.k0, count(*) AS a0, avg(g.v1) AS a1
  FROM (
    SELECT t1."last" AS k0, t1."salary" AS v1
    FROM "person" t1
    WHERE t1."org" = $1::text
  ) g
  GROUP BY g.k0
) b
CROSS JOIN LATERAL (
  SELECT b.k0 AS "last",
    b.a0 AS "count",
    b.a1::text AS "avg_salary"
) r
WHERE b.a0 > $2::bigint
ORDER BY b.a1 DESC NULLS LAST, b.k0 DESC
LIMIT 21
