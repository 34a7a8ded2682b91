-- GET /v1/people/1?fields=first,salary,phone
-- as boss, member
-- $1 is slot 0 (id), $2 is slot 1 (me.org), $3 is slot 2 (me.id)
SELECT row_to_json(r1), t1."version"
FROM "person" t1
CROSS JOIN LATERAL (
  SELECT t1."first" AS "first",
    t1."salary"::text AS "salary",
    (CASE WHEN t1."id" = $3::bigint THEN t1."phone" END) AS "phone"
) r1
WHERE t1."id" = $1::bigint
  AND t1."org" = $2::text
