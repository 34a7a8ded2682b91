-- GET /v1/people?sort=manager.last&limit=5
-- as member
-- $1 is slot 1 (me.org), $2 is slot 0 (limit), $3 is slot 2 (me.id)
SELECT row_to_json(r1), '[' || COALESCE(to_json((SELECT t2."last" FROM "person" t2 WHERE t2."id" = t1."manager" AND t2."org" = $1::text))::text, 'null') || ',' || COALESCE(to_json(t1."id")::text, 'null') || ']'
FROM "person" t1
CROSS JOIN LATERAL (
  SELECT t1."id" AS "id",
    t1."org" AS "org",
    t1."first" AS "first",
    t1."last" AS "last",
    t1."email" AS "email",
    (CASE WHEN t1."id" = $3::bigint THEN t1."phone" END) AS "phone",
    t1."manager" AS "manager",
    (t1."first" || ' '::text || t1."last") AS "full",
    t1."first" AS "~label~first",
    t1."last" AS "~label~last"
) r1
WHERE t1."org" = $1::text
ORDER BY (SELECT t2."last" FROM "person" t2 WHERE t2."id" = t1."manager" AND t2."org" = $1::text), t1."id"
LIMIT $2::bigint + 1
