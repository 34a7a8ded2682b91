-- GET /v1/people?fields=last&sort=last&limit=5
-- as member
-- $1 is slot 1 (me.org), $2 is slot 0 (limit)
SELECT row_to_json(r1), '[' || COALESCE(to_json(t1."last")::text, 'null') || ',' || COALESCE(to_json(t1."id")::text, 'null') || ']'
FROM "person" t1
CROSS JOIN LATERAL (SELECT t1."last" AS "last") r1
WHERE t1."org" = $1::text
ORDER BY t1."last", t1."id"
LIMIT $2::bigint + 1
