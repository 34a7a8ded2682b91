-- GET /v1/teams?members.lead=true&limit=5
-- as boss, member
-- $1 is slot 0 (members.lead), $2 is slot 1 (limit)
SELECT row_to_json(r1)
FROM "team" t1
CROSS JOIN LATERAL (
  SELECT t1."code" AS "code",
    t1."name" AS "name",
    t1."motto" AS "motto"
) r1
WHERE EXISTS (SELECT FROM "membership" t2 WHERE t2."team" = t1."code" AND t2."lead" = $1::boolean)
ORDER BY t1."code"
LIMIT $2::bigint + 1
