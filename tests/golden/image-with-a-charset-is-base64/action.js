function main() { return {"body":"iVBORw==","headers":{"content-type":"image/png; charset=utf-8"}}; }
