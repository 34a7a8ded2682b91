-- GET /v1/people?last=Lee&sort=first&limit=5&cursor=…
-- as member
-- $1 is slot 0 (last), $2 is slot 5 (me.org), $3 is slot 3 (cursor), $4 is slot 4 (cursor), $5 is slot 1 (limit), $6 is slot 6 (me.id)
SELECT row_to_json(r1)
FROM "person" t1
CROSS JOIN LATERAL (
  SELECT t1."id" AS "id",
    t1."org" AS "org",
    t1."first" AS "first",
    t1."last" AS "last",
    t1."email" AS "email",
    (CASE WHEN t1."id" = $6::bigint THEN t1."phone" END) AS "phone",
    t1."manager" AS "manager",
    (t1."first" || ' '::text || t1."last") AS "full",
    t1."first" AS "~label~first",
    t1."last" AS "~label~last"
) r1
WHERE t1."last" = $1::text
  AND t1."org" = $2::text
  AND (t1."first", t1."id") > ($3::text, $4::bigint)
ORDER BY t1."first", t1."id"
LIMIT $5::bigint + 1
