function main() { return {"body":"<b>hi</b>"}; }
