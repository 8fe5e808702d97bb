"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { csrfToken, type Job } from "./api/client";
import { ProblemError, problemOf } from "./api/problem";
import { idempotencyKey } from "./api/client";

/** What a person may send; the server looks at the sound itself, not at the name. */
export const AUDIO_TYPES = "audio/*,.wav,.flac,.mp3,.ogg,.opus,.aiff,.aif";

/** Send a file; `onProgress` gets the part that was sent, 0…1. Resolves with the job that checks it. */
export function sendFile(file: File, onProgress: (part: number) => void): Promise<Job> {
  return new Promise((resolve, reject) => {
    // fetch cannot tell how much of a body was sent.
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/uploads");
    request.setRequestHeader("X-CSRF-Token", csrfToken(document.cookie));
    request.setRequestHeader("Idempotency-Key", idempotencyKey());
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () =>
      request.status === 202 ? resolve(request.response as Job) : reject(problemOf(request.status, request.response));
    request.onerror = () => reject(new ProblemError(0, "offline", "", []));
    const form = new FormData();
    form.append("file", file);
    request.send(form);
  });
}

/** Send a file and follow what becomes of it. */
export function useUpload(onProgress: (part: number) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (file: File) => sendFile(file, onProgress),
    onSuccess: (job) => queries.setQueryData(["job", job.id], job),
  });
}
