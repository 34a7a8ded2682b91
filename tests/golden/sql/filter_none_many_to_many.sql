-- GET /v1/teams?people.none.first=Ada&limit=5
-- as boss, member
-- $1 is slot 0 (people.none.first), $2 is slot 2 (me.org), $3 is slot 1 (limit)
SELECT row_to_json(r1)
FROM "team" t1
CROSS JOIN LATERAL (
  SELECT t1."code" AS "code",
    t1."name" AS "name",
    t1."motto" AS "motto"
) r1
WHERE NOT EXISTS (SELECT FROM "membership" t2 WHERE t2."team" = t1."code" AND EXISTS (SELECT FROM "person" t3 WHERE t3."id" = t2."person" AND t3."org" = $2::text AND t3."first" = $1::text))
ORDER BY t1."code"
LIMIT $3::bigint + 1
