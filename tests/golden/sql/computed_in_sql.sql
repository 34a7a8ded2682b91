-- GET /v1/projects?fields=left,team_name&limit=5
-- as boss, member
-- $1 is slot 0 (limit)
SELECT row_to_json(r1), '[' || COALESCE(to_json(t1."id")::text, 'null') || ']'
FROM (
  SELECT t1.*
  FROM "project" t1
  WHERE t1."deleted_at" IS NULL
  ORDER BY t1."id"
  LIMIT 1001
) t1
CROSS JOIN LATERAL (
  SELECT (t1."budget" - t1."spent")::text AS "left",
    (SELECT t2."name" FROM "team" t2 WHERE t2."code" = t1."team") AS "team_name"
) r1
ORDER BY t1."id"
LIMIT $1::bigint + 1
