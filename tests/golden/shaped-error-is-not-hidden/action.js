function main() { return {"error":{"body":"no such order","statusCode":404}}; }
