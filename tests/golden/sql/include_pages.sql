-- GET /v1/teams?include=projects.owner&projects.limit=3&projects.sort=-due&limit=5
-- as boss, member
-- $1 is slot 1 (limit), $2 is slot 0 (projects.limit), $3 is slot 3 (me.org), $4 is slot 2 (me.id)
SELECT row_to_json(r3)
FROM (
  SELECT t1.*, row_number() OVER (ORDER BY t1."code") AS "~n"
  FROM (
    SELECT t1.*
    FROM "team" t1
    ORDER BY t1."code"
    LIMIT 1001
  ) t1
  ORDER BY t1."code"
  LIMIT $1::bigint + 1
) t1
CROSS JOIN LATERAL (
  SELECT array_agg(p1.j) AS j, array_agg(p1.k0) AS k0, array_agg(p1.k1) AS k1
  FROM (
    SELECT row_to_json(r2) AS j, t2."due" AS k0, t2."id" AS k1
    FROM (
      SELECT t2.*
      FROM (
        SELECT t2.*
        FROM "project" t2
        WHERE t2."team" = t1."code"
          AND t2."deleted_at" IS NULL
          AND t1."~n" <= $1::bigint
        ORDER BY t2."due" DESC NULLS LAST, t2."id" DESC
        LIMIT 1001
      ) t2
      ORDER BY t2."due" DESC NULLS LAST, t2."id" DESC
      LIMIT $2::bigint + 1
    ) t2
    LEFT JOIN LATERAL (
      SELECT row_to_json(r1) AS j
      FROM "person" t3
      CROSS JOIN LATERAL (
        SELECT t3."id" AS "id",
          t3."org" AS "org",
          t3."first" AS "first",
          t3."last" AS "last",
          t3."email" AS "email",
          t3."salary"::text AS "salary",
          (CASE WHEN t3."id" = $4::bigint THEN t3."phone" END) AS "phone",
          t3."manager" AS "manager",
          (t3."first" || ' '::text || t3."last") AS "full",
          (t3."salary" > '5000'::numeric) AS "well_paid",
          t3."first" AS "~label~first",
          t3."last" AS "~label~last"
      ) r1
      WHERE t3."id" = t2."owner"
        AND t3."org" = $3::text
    ) n2 ON TRUE
    CROSS JOIN LATERAL (
      SELECT t2."id" AS "id",
        t2."team" AS "team",
        n2.j AS "owner",
        t2."name" AS "name",
        t2."status" AS "status",
        t2."budget"::text AS "budget",
        t2."spent"::text AS "spent",
        t2."priority" AS "priority",
        t2."score" AS "score",
        t2."secret" AS "secret",
        t2."starts_at" AS "starts_at",
        t2."ends_at" AS "ends_at",
        t2."due" AS "due",
        t2."daily_at" AS "daily_at",
        (CASE WHEN t2."effort" < interval '0' THEN '-PT' ELSE 'PT' END || trim_scale(abs(extract(epoch FROM t2."effort")))::text || 'S') AS "effort",
        t2."token" AS "token",
        translate(encode(t2."logo", 'base64'), E'\n', '') AS "logo",
        t2."tags" AS "tags",
        t2."votes" AS "votes",
        t2."settings" AS "settings",
        t2."order" AS "order_",
        (t2."budget" - t2."spent")::text AS "left",
        (SELECT t4."name" FROM "team" t4 WHERE t4."code" = t2."team") AS "team_name",
        t2."created_at" AS "created_at",
        t2."created_by" AS "created_by",
        t2."updated_at" AS "updated_at",
        t2."updated_by" AS "updated_by"
    ) r2
    ORDER BY t2."due" DESC NULLS LAST, t2."id" DESC
  ) p1
) n1
CROSS JOIN LATERAL (
  SELECT t1."code" AS "code",
    t1."name" AS "name",
    t1."motto" AS "motto",
    COALESCE(array_to_json(n1.j[1:$2::bigint]), '[]') AS "projects",
    CASE WHEN cardinality(n1.j) > $2::bigint THEN translate(encode(convert_to('["27f0e0c601f5","n",' || COALESCE(to_json(n1.k0[$2::bigint])::text, 'null') || ',' || COALESCE(to_json(n1.k1[$2::bigint])::text, 'null') || ']', 'UTF8'), 'base64'), E'+/=\n', '-_') END AS "projects_next"
) r3
ORDER BY t1."code"
