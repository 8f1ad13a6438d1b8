function main() { return {"body":"eyJhIjoxfQ==","headers":{"content-type":"application/json"}}; }
