-- GET /v1/projects?not=(status=draft,or=(score[gt]=1,priority[lte]=2))&team.name[ne]=Red
-- as anyone
-- $1 is slot 0 (status), $2 is slot 1 (score[gt]), $3 is slot 2 (priority[lte]), $4 is slot 3 (team.name[ne]), $5 is slot 5 (me.id), $6 is slot 4 (fixed.)
SELECT row_to_json(r1)
FROM "project" t1
CROSS JOIN LATERAL (
  SELECT t1."id" AS "id",
    t1."team" AS "team",
    t1."owner" AS "owner",
    t1."name" AS "name",
    t1."status" AS "status",
    (CASE WHEN EXISTS (SELECT FROM "person" t4 WHERE t4."id" = t1."owner" AND t4."manager" = $5::bigint) THEN t1."spent" END)::text AS "spent",
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
    (SELECT t5."name" FROM "team" t5 WHERE t5."code" = t1."team" AND EXISTS (SELECT FROM "membership" t6 WHERE t6."team" = t1."team" AND t6."person" = $5::bigint)) AS "team_name",
    t1."created_at" AS "created_at",
    t1."created_by" AS "created_by",
    t1."updated_at" AS "updated_at",
    t1."updated_by" AS "updated_by"
) r1
WHERE (t1."status" <> $1::text OR (t1."score" <= $2::double precision AND t1."priority" > $3::bigint))
  AND EXISTS (SELECT FROM "team" t2 WHERE t2."code" = t1."team" AND EXISTS (SELECT FROM "membership" t3 WHERE t3."team" = t1."team" AND t3."person" = $5::bigint) AND t2."name" <> $4::text)
  AND NOT t1."secret"
  AND t1."deleted_at" IS NULL
ORDER BY t1."id"
LIMIT $6::bigint + 1
