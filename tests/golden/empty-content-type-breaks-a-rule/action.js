function main() { return {"body":{"a":1},"headers":{"content-type":""}}; }
