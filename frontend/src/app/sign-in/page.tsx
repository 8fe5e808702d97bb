import type { Metadata } from "next";
import { SignIn } from "@/components/account/sign-in";

export const metadata: Metadata = { title: "Sign in" };

/** For those who were here before. */
export default function Page() {
  return <SignIn />;
}
