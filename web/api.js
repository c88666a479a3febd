// Swagger UI over the description that this server hands out itself; no outside address is asked.
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "/api-json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    persistAuthorization: true,
    validatorUrl: null,
  });
};
