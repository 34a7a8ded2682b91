-- GET /v1/projects?fields=id&limit=1
-- as anyone
-- $1 is slot 0 (limit)
SELECT row_to_json(r1)
FROM (
  SELECT t1.*
  FROM "project" t1
  WHERE NOT t1."secret"
    AND t1."deleted_at" IS NULL
  ORDER BY t1."id"
  LIMIT 1001
) t1
CROSS JOIN LATERAL (SELECT t1."id" AS "id") r1
ORDER BY t1."id"
LIMIT $1::bigint + 1
