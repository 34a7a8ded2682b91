-- $1 is slot 1, $2 is slot 2, $3 is slot 0
-- dear: this would change more than the 10,000 rows that are allowed at once
-- forbidden: you may not leave the Flight like this
-- reference: there is no such Airline /airline
WITH "~target" AS (
  SELECT t2.*,
    ($3::text = $2::text) AS "~f0",
    (EXISTS (
    SELECT FROM "airline" t3
    WHERE t3."carrier" = $3::text
  )) AS "~f1"
  FROM "flight" t2
  WHERE t2."origin" = $1::text
    AND t2."airline" = $2::text
  ORDER BY t2."id"
  LIMIT 10001
  FOR NO KEY UPDATE
),
"~judged" AS (
  SELECT count(*) <= 10000 AS "~few",
    coalesce(bool_and(x."~f0" IS TRUE), TRUE) AS "~f0",
    coalesce(bool_and(x."~f1" IS TRUE), TRUE) AS "~f1"
  FROM "~target" x
),
"~done" AS (
  UPDATE "flight" t1
  SET "airline" = $3::text,
    "version" = t1."version" + 1
  FROM "~target" x
  WHERE t1."id" = x."id"
    AND (SELECT "~few" AND "~f0" AND "~f1" FROM "~judged")
  RETURNING t1."id"
)
SELECT j."~few",
  j."~f0",
  j."~f1",
  NULL::json,
  (SELECT count(*) FROM "~done"),
  NULL::text
FROM "~judged" j;
