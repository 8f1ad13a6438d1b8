function main() { return {"body":"true","headers":{"content-type":"application/json"}}; }
