-- $1 is slot 0
-- forbidden: you may not delete this Box
WITH "~target" AS (
  SELECT t1.*,
    (NOT t1."sealed") AS "~f0"
  FROM "box" t1
  WHERE t1."id" = $1::bigint
    AND NOT t1."hidden"
  FOR UPDATE
)
SELECT x."~f0",
  NULL::json,
  NULL::bigint,
  '[' || COALESCE(to_json(x."id")::text, 'null') || ']',
  x."id"
FROM "~target" x;

-- no parameters
DELETE FROM "box" t1
USING unnest($1::bigint[]) k(k0)
WHERE t1."id" = k.k0
RETURNING t1."id";

-- no parameters
UPDATE "box" t1
SET "inside" = NULL, "version" = t1."version" + 1
WHERE t1."inside" = ANY ($1::bigint[]);
