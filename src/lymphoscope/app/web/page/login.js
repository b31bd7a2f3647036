// Log in by password.
document.getElementById("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [login, password] = ["login", "password"].map((id) => document.getElementById(id).value);
  const answer = await fetch("/login", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ login, password }),
  });
  if (answer.ok) location.assign("/");
  else document.getElementById("why").textContent = (await answer.json()).what;
});
