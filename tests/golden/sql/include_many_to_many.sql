-- GET /v1/teams?include=people&people.limit=3&people.fields=first&limit=5
-- as boss, member
-- $1 is slot 1 (limit), $2 is slot 3 (me.org), $3 is slot 0 (people.limit)
SELECT row_to_json(r2)
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
  SELECT array_agg(p1.j) AS j, array_agg(p1.k0) AS k0
  FROM (
    SELECT row_to_json(r1) AS j, t2."id" AS k0
    FROM (
      SELECT t2.*
      FROM "person" t2
      WHERE t2."org" = $2::text
        AND EXISTS (
        SELECT FROM "membership" t3
        WHERE t3."team" = t1."code"
          AND t3."person" = t2."id"
      )
        AND t1."~n" <= $1::bigint
      ORDER BY t2."id"
      LIMIT 1001
    ) t2
    CROSS JOIN LATERAL (SELECT t2."first" AS "first") r1
    ORDER BY t2."id"
    LIMIT $3::bigint + 1
  ) p1
) n1
CROSS JOIN LATERAL (
  SELECT t1."code" AS "code",
    t1."name" AS "name",
    t1."motto" AS "motto",
    COALESCE(array_to_json(n1.j[1:$3::bigint]), '[]') AS "people",
    CASE WHEN cardinality(n1.j) > $3::bigint THEN translate(encode(convert_to('["25302f0f8238","n",' || COALESCE(to_json(n1.k0[$3::bigint])::text, 'null') || ']', 'UTF8'), 'base64'), E'+/=\n', '-_') END AS "people_next"
) r2
ORDER BY t1."code"
