function main() { return {"body":"<svg/>","headers":{"content-type":"image/svg+xml"}}; }
