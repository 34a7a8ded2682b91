-- GET /v1/projects?sort=-priority&limit=5&cursor=…
-- as anyone
-- $1 is slot 2 (cursor), $2 is slot 0 (limit), $3 is slot 3 (me.id)
SELECT row_to_json(r1)
FROM (
  (
    SELECT t1.*
    FROM "project" t1
    WHERE NOT t1."secret"
      AND t1."deleted_at" IS NULL
      AND t1."priority" IS NULL
      AND t1."id" > $1::uuid
    ORDER BY t1."priority" NULLS FIRST, t1."id"
    LIMIT 1001
  )
  UNION ALL
  (
    SELECT t1.*
    FROM "project" t1
    WHERE NOT t1."secret"
      AND t1."deleted_at" IS NULL
      AND t1."priority" IS NOT NULL
    ORDER BY t1."priority" NULLS FIRST, t1."id"
    LIMIT 1001
  )
) t1
CROSS JOIN LATERAL (
  SELECT t1."id" AS "id",
    t1."team" AS "team",
    t1."owner" AS "owner",
    t1."name" AS "name",
    t1."status" AS "status",
    (CASE WHEN EXISTS (SELECT FROM "person" t2 WHERE t2."id" = t1."owner" AND t2."manager" = $3::bigint) THEN t1."spent" END)::text AS "spent",
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
    (SELECT t3."name" FROM "team" t3 WHERE t3."code" = t1."team" AND EXISTS (SELECT FROM "membership" t4 WHERE t4."team" = t1."team" AND t4."person" = $3::bigint)) AS "team_name",
    t1."created_at" AS "created_at",
    t1."created_by" AS "created_by",
    t1."updated_at" AS "updated_at",
    t1."updated_by" AS "updated_by"
) r1
ORDER BY t1."priority" NULLS FIRST, t1."id"
LIMIT $2::bigint + 1
