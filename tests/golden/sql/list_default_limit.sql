-- GET /v1/orgs
-- as anyone
-- no parameters
SELECT row_to_json(r1)
FROM "org" t1
CROSS JOIN LATERAL (
  SELECT t1."slug" AS "slug",
    t1."name" AS "name"
) r1
ORDER BY t1."slug"
LIMIT 21
