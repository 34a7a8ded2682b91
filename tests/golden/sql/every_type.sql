-- GET /v1/projects?limit=5
-- as boss, member
-- $1 is slot 0 (limit)
SELECT row_to_json(r1)
FROM (
  SELECT t1.*
  FROM "project" t1
  WHERE t1."deleted_at" IS NULL
  ORDER BY t1."id"
  LIMIT 1001
) t1
CROSS JOIN LATERAL (
  SELECT t1."id" AS "id",
    t1."team" AS "team",
    t1."owner" AS "owner",
    t1."name" AS "name",
    t1."status" AS "status",
    t1."budget"::text AS "budget",
    t1."spent"::text AS "spent",
    t1."priority" AS "priority",
    t1."score" AS "score",
    t1."secret" AS "secret",
    t1."starts_at" AS "starts_at",
    t1."ends_at" AS "ends_at",
    t1."due" AS "due",
    t1."daily_at" AS "daily_at",
    (CASE WHEN t1."effort" < interval '0' THEN '-PT' ELSE 'PT' END || trim_scale(abs(extract(epoch FROM t1."effort")))::text || 'S') AS "effort",
    t1."token" AS "token",
    translate(encode(t1."logo", 'base64'), E'\n', '') AS "logo",
    t1."tags" AS "tags",
    t1."votes" AS "votes",
    t1."settings" AS "settings",
    t1."order" AS "order_",
    (t1."budget" - t1."spent")::text AS "left",
    (SELECT t2."name" FROM "team" t2 WHERE t2."code" = t1."team") AS "team_name",
    t1."created_at" AS "created_at",
    t1."created_by" AS "created_by",
    t1."updated_at" AS "updated_at",
    t1."updated_by" AS "updated_by"
) r1
ORDER BY t1."id"
LIMIT $1::bigint + 1
