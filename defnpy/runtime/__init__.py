"""Floor 5: what happens at a call: conversion, caches, threads, devices."""
