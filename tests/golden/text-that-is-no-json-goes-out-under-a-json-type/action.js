function main() { return {"body":"abcd","headers":{"content-type":"application/json"}}; }
