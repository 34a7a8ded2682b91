-- GET /v1/orgs/acme
-- as anyone
-- $1 is slot 0 (slug)
SELECT row_to_json(r1), t1."version"
FROM "org" t1
CROSS JOIN LATERAL (
  SELECT t1."slug" AS "slug",
    t1."name" AS "name"
) r1
WHERE t1."slug" = $1::text
