export const handler = async (event, context) => {
  const name = event.name ?? 'World';
  console.log(`greeting ${name}, ${context.getRemainingTimeInMillis()} ms left`);
  return { statusCode: 200, body: JSON.stringify({ message: `Hello, ${name}!` }) };
};
