-- GET /v1/memberships/red,1
-- as member
-- $1 is slot 0 (team), $2 is slot 1 (person)
SELECT row_to_json(r1), t1."version"
FROM "membership" t1
CROSS JOIN LATERAL (
  SELECT t1."team" AS "team",
    t1."person" AS "person",
    t1."since" AS "since",
    t1."lead" AS "lead"
) r1
WHERE t1."team" = $1::text
  AND t1."person" = $2::bigint
