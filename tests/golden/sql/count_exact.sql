-- GET /v1/people?last=Lee&count=exact&limit=5
-- as member
-- $1 is slot 0 (last), $2 is slot 2 (me.org), $3 is slot 1 (limit), $4 is slot 3 (me.id)
SELECT p.j, c.n
FROM (
  SELECT (
    SELECT count(*)
    FROM "person" t2
    WHERE t2."last" = $1::text
      AND t2."org" = $2::text
  ) AS n
) c
LEFT JOIN (
  SELECT p.*, row_number() OVER () AS i
  FROM (
    SELECT row_to_json(r1) AS j
    FROM "person" t1
    CROSS JOIN LATERAL (
      SELECT t1."id" AS "id",
        t1."org" AS "org",
        t1."first" AS "first",
        t1."last" AS "last",
        t1."email" AS "email",
        (CASE WHEN t1."id" = $4::bigint THEN t1."phone" END) AS "phone",
        t1."manager" AS "manager",
        (t1."first" || ' '::text || t1."last") AS "full",
        t1."first" AS "~label~first",
        t1."last" AS "~label~last"
    ) r1
    WHERE t1."last" = $1::text
      AND t1."org" = $2::text
    ORDER BY t1."id"
    LIMIT $3::bigint + 1
  ) p
) p ON TRUE
ORDER BY p.i
